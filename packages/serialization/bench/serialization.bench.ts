// What the envelope and the check for losses cost, against the bare encoders, on a record of some 200 bytes.
import { deserialize, serialize } from 'node:v8';
import { Packr } from 'msgpackr';
import { bench } from '../../../scripts/bench.ts';
import { msgpack } from '../src/codecs/msgpack.ts';
import { createSerializer, v8 } from '../src/index.ts';

const user = {
  id: '018f4c1e-7b1a-7c3e-9d2b-5a6f7c8d9e0f',
  email: 'ada.lovelace@example.com',
  name: 'Ada Lovelace',
  roles: ['user', 'admin'],
  active: true,
  visits: 42,
  address: { city: 'London', zip: 'W1G 0AA' },
};
const packr = new Packr({ useRecords: false, mapsAsObjects: true });
const codecs = {
  json: {
    ours: createSerializer(),
    encode: () => Buffer.from(JSON.stringify(user)),
    decode: (b: Buffer) => JSON.parse(b.toString()) as unknown,
  },
  msgpack: {
    ours: createSerializer({ codec: msgpack }),
    encode: () => Buffer.from(packr.pack(user)),
    decode: (b: Buffer) => packr.unpack(b) as unknown,
  },
  v8: {
    ours: createSerializer({ codec: v8 }),
    encode: () => serialize(user),
    decode: (b: Buffer) => deserialize(b) as unknown,
  },
};

for (const [name, { ours, encode, decode }] of Object.entries(codecs)) {
  const [bytes, bare] = [ours.serialize(user), encode()];
  await bench(`${name}: encode`, { raw: encode, subjects: { '@ent': () => ours.serialize(user) } });
  await bench(`${name}: decode`, { raw: () => decode(bare), subjects: { '@ent': () => ours.deserialize(bytes) } });
}
