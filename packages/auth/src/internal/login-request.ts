import { durationOption, refuseUnknown } from '@ent/internal';
import {
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
} from 'oauth4webapi';
import { authErrors } from '../errors.ts';
import type { StartLogin } from '../oauth-options.ts';
import { demandText, demandTexts } from './demand.ts';
import type { LoginState } from './login-state.ts';

const START = { returnTo: true, prompt: true, maxAge: true, loginHint: true, acrValues: true } as const;
/** A cookie has 4,096 bytes at most, and the rest of the state some 500. */
const MAX_RETURN_TO = 1024;

/** What is asked of the issuer, as parameters of its page, and what is remembered until the callback. */
export interface LoginRequest {
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly login: LoginState;
}

/**
 * A request with a state, a nonce and a code verifier of its own (PKCE).
 *
 * @throws `auth.configuration` for options that cannot be, at the call
 */
export function loginRequest(given: StartLogin): () => Promise<LoginRequest> {
  refuseUnknown(given, START, 'oauth.start', authErrors.configuration);
  const { returnTo, prompt, loginHint, acrValues } = given;
  for (const [name, value] of Object.entries({ returnTo, prompt, loginHint })) {
    if (value !== undefined) demandText(value, `oauth.start: ${name}`);
  }
  demandTexts(acrValues, 'oauth.start: acrValues');
  if (returnTo !== undefined && returnTo.length > MAX_RETURN_TO) {
    throw authErrors.configuration(`oauth.start: returnTo must have at most ${MAX_RETURN_TO} characters.`);
  }
  const maxAge =
    given.maxAge === undefined
      ? undefined
      : Math.floor(durationOption(given.maxAge, 'maxAge', authErrors.configuration) / 1000);
  return async () => {
    const [state, nonce, verifier] = [generateRandomState(), generateRandomNonce(), generateRandomCodeVerifier()];
    const parameters = {
      response_type: 'code',
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      prompt,
      login_hint: loginHint,
      acr_values: acrValues?.join(' '),
      max_age: maxAge?.toString(),
    };
    return { parameters, login: { state, nonce, verifier, maxAge, returnTo } };
  };
}
