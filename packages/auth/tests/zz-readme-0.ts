import { createAccessTokens, createKeyRing, createPasswords, createSessions, deriveSecret, generateKey } from '@ent/auth';
import { argon2 } from '@ent/auth/argon2';
import { memoryStores } from '@ent/auth/stores';

const { key, pem } = await generateKey(); // in a service: importKey(process.env.JWT_PRIVATE_KEY)
const accessTokens = createAccessTokens({ issuer: 'https://me', audience: 'https://me', keys: createKeyRing({ active: key }) });
const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: deriveSecret(pem, 'refresh-tokens') });
const passwords = createPasswords({ driver: argon2() });

const stored = await passwords.hash('correct horse battery staple');
if (await passwords.verify('correct horse battery staple', stored)) {
  const tokens = await sessions.start({ subject: 'user-1' });
  const principal = await sessions.authenticate(`Bearer ${tokens.accessToken}`);
  console.log(principal.subject, (await sessions.refresh(tokens.refreshToken)).expiresIn);
}
