import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import {
  createAccessTokens,
  createKeyRing,
  createSessions,
  deriveSecret,
  generateKey,
  type Sessions,
} from '../../src/index.ts';
import { memoryStores } from '../../src/stores.ts';

/** A service with two keys, a token that it takes, and tokens of each kind of forgery that was published. */
export interface Forgeries {
  readonly sessions: Sessions;
  readonly good: string;
  /** What it is, with where it was seen, and the token. */
  readonly forged: readonly (readonly [name: string, token: string])[];
}

const issuer = 'https://auth.example.com';
const audience = 'https://api.example.com';

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (header: object | string, claims: object | string, pem: string): string => {
  const input = `${b64(header)}.${b64(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), pem).toString('base64url')}`;
};
const maced = (header: object, claims: object, secret: string | Buffer): string => {
  const input = `${b64(header)}.${b64(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};

export async function makeForgeries(): Promise<Forgeries> {
  const { key, pem } = await generateKey('EdDSA');
  const { key: ecKey, pem: ecPem } = await generateKey('ES256');
  const { key: evilKey, pem: evilPem } = await generateKey('EdDSA');
  const keys = createKeyRing({ active: key, retiring: [ecKey] });
  const accessTokens = createAccessTokens({ issuer, audience, keys });
  const secret = deriveSecret(pem, 'refresh-tokens');
  const sessions = createSessions({ accessTokens, stores: memoryStores(), secret });
  const login = await sessions.start({ subject: 'ann' });
  const good = login.accessToken;
  const ended = await sessions.start({ subject: 'ann' });
  await sessions.revoke(ended.sessionId);
  const [goodHead = '', goodBody = '', goodSignature = ''] = good.split('.');

  const header = { alg: 'EdDSA', kid: key.kid, typ: 'at+jwt' };
  const claims = JSON.parse(Buffer.from(goodBody, 'base64url').toString()) as Record<string, unknown>;
  const admin = { ...claims, roles: ['admin'] };
  const now = Math.floor(Date.now() / 1000);
  const spki = createPublicKey(pem).export({ format: 'pem', type: 'spki' }) as string;
  const evil = { ...header, kid: evilKey.kid };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaPem = rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const encrypted = await new CompactEncrypt(Buffer.from(good))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT', kid: key.kid })
    .encrypt(rsa.publicKey);
  const unsigned = (alg: string): string => `${b64({ ...header, alg })}.${b64(admin)}.`;
  const without = (name: string): object =>
    Object.fromEntries(Object.entries(claims).filter(([each]) => each !== name));
  const es = `${b64({ ...header, alg: 'ES256', kid: ecKey.kid })}.${b64(admin)}`;

  const forged: [string, string][] = [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg): [string, string] => [
      `alg ${JSON.stringify(alg)} (CVE-2015-9235, CVE-2020-28042)`,
      unsigned(alg),
    ]),
    [
      'alg none with the signature of a good token',
      `${b64({ ...header, alg: 'none' })}.${b64(admin)}.${goodSignature}`,
    ],
    ['no alg at all', signed({ kid: key.kid, typ: 'at+jwt' }, admin, pem)],
    ['a signature that was cut off (CVE-2016-10555)', `${goodHead}.${b64(admin)}.`],
    ['the signature of another token', `${goodHead}.${b64(admin)}.${goodSignature}`],
    ...Object.entries({
      'as PEM': spki,
      'as PEM without its last line break': spki.trim(),
      'as bytes': Buffer.from(key.jwk.x as string, 'base64url'),
      'as JWK': JSON.stringify(key.jwk),
    }).map(([how, publicKey]): [string, string] => [
      `HS256 with the public key ${how} (CVE-2016-5431, CVE-2022-23540)`,
      maced({ ...header, alg: 'HS256' }, admin, publicKey),
    ]),
    ['HS256 with an empty secret (CVE-2020-28637)', maced({ ...header, alg: 'HS256' }, admin, '')],
    [
      'HS256 with a kid that leads to an empty file',
      maced({ ...header, alg: 'HS256', kid: '../../../dev/null' }, admin, ''),
    ],
    ['the algorithm of another key of the service', signed({ ...header, alg: 'ES256' }, admin, pem)],
    ['the key of another algorithm of the service', signed({ ...header, kid: ecKey.kid }, admin, pem)],
    ['the newer name of the algorithm (RFC 9864)', signed({ ...header, alg: 'Ed25519' }, admin, pem)],
    ['an algorithm in other letters', signed({ ...header, alg: 'eddsa' }, admin, pem)],
    ['ECDSA of zeros (CVE-2022-21449)', `${es}.${Buffer.alloc(64).toString('base64url')}`],
    ['ECDSA as DER', `${es}.${sign('sha256', Buffer.from(es), ecPem).toString('base64url')}`],
    ['another key', signed(header, admin, evilPem)],
    ['another key, by its own kid', signed(evil, admin, evilPem)],
    ['another key, brought along as jwk (CVE-2018-0114)', signed({ ...evil, jwk: evilKey.jwk }, admin, evilPem)],
    ['another key as jwk, under a known kid', signed({ ...header, jwk: evilKey.jwk }, admin, evilPem)],
    ['another key, at a jku (CVE-2018-1000539)', signed({ ...evil, jku: 'https://evil.example/jwks' }, admin, evilPem)],
    ['another key, at an x5u', signed({ ...evil, x5u: 'https://evil.example/cert' }, admin, evilPem)],
    ['another key, as x5c', signed({ ...evil, x5c: [b64(evilKey.jwk)] }, admin, evilPem)],
    ['an RSA key, signed with RS256', signedByRsa({ ...header, alg: 'RS256' }, admin, rsaPem)],
    ...['', '../../etc/passwd', "' OR 1=1 --", '__proto__', 'constructor', 7, null, [key.kid], { $ne: '' }].map(
      (kid): [string, string] => [`kid ${JSON.stringify(kid)}`, signed({ ...header, kid }, admin, pem)],
    ),
    ['no kid', signed({ alg: 'EdDSA', typ: 'at+jwt' }, admin, pem)],
    ['a critical header that nobody knows', signed({ ...header, crit: ['x'], x: 1 }, admin, pem)],
    ['a payload that is not encoded (RFC 7797)', signed({ ...header, crit: ['b64'], b64: false }, admin, pem)],
    ...['JWT', 'id+jwt', 'dpop+jwt', 'logout+jwt', 'secevent+jwt', ''].map((typ): [string, string] => [
      `typ ${JSON.stringify(typ)} (RFC 8725, 3.11)`,
      signed({ ...header, typ }, admin, pem),
    ]),
    ['another issuer', signed(header, { ...claims, iss: 'https://evil.example' }, pem)],
    ['another audience (CVE-2025-62610)', signed(header, { ...claims, aud: 'https://other.example' }, pem)],
    ['an audience in a list of others', signed(header, { ...claims, aud: ['https://other.example'] }, pem)],
    ['an issuer as a list (CVE-2025-30144)', signed(header, { ...claims, iss: [issuer, 'https://evil.example'] }, pem)],
    ['an end that is past', signed(header, { ...claims, iat: now - 7200, nbf: now - 7200, exp: now - 3600 }, pem)],
    ['a beginning that is to come', signed(header, { ...claims, nbf: now + 600 }, pem)],
    ['a time of issue that is to come', signed(header, { ...claims, iat: now + 600 }, pem)],
    ['an end as a text', signed(header, { ...claims, exp: '9999999999' }, pem)],
    ...['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'nbf', 'exp'].map((name): [string, string] => [
      `no ${name}`,
      signed(header, without(name), pem),
    ]),
    ['an object for a subject', signed(header, { ...claims, sub: { $ne: '' } }, pem)],
    ['a text for roles', signed(header, { ...claims, roles: 'admin' }, pem)],
    ['a session that ended', ended.accessToken],
    ['a session of somebody else', signed(header, { ...claims, sub: 'bob' }, pem)],
    ['a session that never was', signed(header, { ...claims, sid: 'e2c3b9a0-0000-4000-8000-000000000000' }, pem)],
    ['a key that is bound to a client, without its proof', signed(header, { ...claims, cnf: { jkt: 'x' } }, pem)],
    ['a refresh token', login.refreshToken],
    ['a token that is encrypted (CVE-2026-29000)', encrypted],
    [
      'JSON in place of the compact form',
      JSON.stringify({ payload: goodBody, protected: goodHead, signature: goodSignature }),
    ],
    ['a JWS in a JWS', signed({ ...header, cty: 'JWT' }, good, pem)],
    ['claims that are no object', signed(header, '[]', pem)],
    ['a payload that is no JSON', signed(header, '{"iss":', pem)],
    ['base64 with padding', `${good}=`],
    ['base64 of the other alphabet', good.replaceAll('-', '+').replaceAll('_', '/').replace(/^ey/, 'ey+')],
    ['another spelling of the last character', respelt(good)],
    ['a fourth part', `${good}.${goodSignature}`],
    ['two parts', `${goodHead}.${goodBody}`],
    ['dots alone', '..'],
    ['nine kilobytes', signed(header, { ...claims, blob: 'x'.repeat(6500) }, pem)],
  ];
  return { sessions, good, forged };
}

function signedByRsa(header: object, claims: object, pem: string): string {
  const input = `${b64(header)}.${b64(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), pem).toString('base64url')}`;
}

/** The last character of a signature has bits that stand for nothing. */
function respelt(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const at = alphabet.indexOf(token.slice(-1));
  return token.slice(0, -1) + (alphabet[at + 1] as string);
}
