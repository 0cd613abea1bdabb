/**
 * The slot of a key in a Redis cluster: CRC16 of the key, or of what stands between its first `{` and the next `}`, modulo 16384.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */
export function slotOf(key: string): number {
  const bytes = Buffer.from(key);
  const open = bytes.indexOf(OPEN);
  const close = open === -1 ? -1 : bytes.indexOf(CLOSE, open + 1);
  const [from, to] = close > open + 1 ? [open + 1, close] : [0, bytes.length];
  let crc = 0;
  for (let i = from; i < to; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ bytes[i]!]!;
  return crc % SLOTS;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const SLOTS = 16_384;

/** CRC16/XMODEM: the polynomial 0x1021, nothing reflected. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});
