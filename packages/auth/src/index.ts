export {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  type ProofOfPossession,
  type TokenIntrospection,
} from './access-token-verifier.ts';
export {
  type AccessTokenInput,
  type AccessTokens,
  type AccessTokensOptions,
  createAccessTokens,
  type IssuedAccessToken,
} from './access-tokens.ts';
export { parseBearer } from './bearer.ts';
export {
  type ApiKeyOperation,
  type AuthorizeOperation,
  channels,
  type IntrospectionOperation,
  type KeysOperation,
  type OAuthOperation,
  type PasskeyOperation,
  type PolicyOperation,
  type PasswordOperation,
  type SessionOperation,
  type SingleUseOperation,
  type ThrottleOperation,
  type TotpOperation,
  type VerifyOperation,
} from './channels.ts';
export type {
  ApiKeyRecord,
  ApiKeyStore,
  AuthStores,
  IdentityRecord,
  IdentityStore,
  KeySetStore,
  PasskeyRecord,
  PasskeyStore,
  PasswordDriver,
  PasswordFeatures,
  RefreshTokenRecord,
  RefreshTokenStore,
  ReplayStore,
  SessionRecord,
  SessionStore,
  SingleUseTokenRecord,
  SingleUseTokenStore,
  ThrottleRule,
  ThrottleStore,
  TotpRecord,
  TotpStore,
} from './driver.ts';
export { authErrors } from './errors.ts';
export {
  createKeyRing,
  createVerificationKeys,
  generateKey,
  importKey,
  importPublicKey,
  type Jwks,
  type KeyRing,
  type KeyRingOptions,
  type PublicJwk,
  type SigningAlgorithm,
  type SigningKey,
  type SigningKeys,
  type VerificationAlgorithm,
  type VerificationKey,
  type VerificationKeys,
  type VerificationKeysOptions,
} from './keys.ts';
export type { Clock, Duration, PepperOptions } from './options.ts';
export {
  type BreachedPasswords,
  createPasswordPolicy,
  type PasswordAbout,
  type PasswordAssessment,
  type PasswordPolicy,
  type PasswordPolicyOptions,
  type StrengthEstimator,
} from './password-policy.ts';
export { createPasswords, type PasswordCall, type Passwords, type PasswordsOptions } from './passwords.ts';
export {
  createPolicy,
  type OwnerResolvers,
  type Policy,
  type PolicyDefinition,
  type ResourceFor,
} from './policy.ts';
export { formatPolicyTable, type PolicyRow } from './policy-table.ts';
export { isPrincipal, type Principal, type PrincipalInput, trustedPrincipal } from './principal.ts';
export { deriveSecret, type Secret } from './refresh-tokens.ts';
export { createRemoteKeys, type RemoteKeys, type RemoteKeysOptions } from './remote-keys.ts';
export type {
  ConditionalRule,
  Conditions,
  ConditionValue,
  DecidingRule,
  Decision,
  Operators,
  PrincipalRef,
  RoleDefinition,
  RowFilter,
  Rule,
  Scalar,
} from './rules.ts';
export type { SessionClaims, Sessions, SessionsOptions, StartSession, TokenPair } from './session-options.ts';
export { createSessions, toTokenResponse } from './sessions.ts';
export { requireAuthentication, type RequiredAuthentication, stepUp, type StepUp } from './step-up.ts';
export { type ClaimPath, type TokenProfile, tokenProfiles } from './token-profiles.ts';
export {
  generateSharedKey,
  importSharedKey,
  type SharedAlgorithm,
  type SharedKey,
} from './shared-keys.ts';
export {
  openPolicy,
  type PolicyChanges,
  type PolicyRoles,
  type StoredPolicy,
  type StoredPolicyOptions,
} from './stored-policy.ts';
export { type KeyState, openKeyRing, type StoredKeyRing, type StoredKeyRingOptions } from './stored-key-ring.ts';
export {
  type Attempt,
  type CountedAttempt,
  createThrottle,
  type Throttle,
  type ThrottleLimit,
  type ThrottleOptions,
} from './throttle.ts';
