import type { Logger } from '@ent/logging';

/** A mail to one person. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Hands a mail over to whatever delivers it: your provider's library in a few lines. */
export type SendMail = (mail: Mail) => Promise<void>;

/**
 * Prints mails in the place of sending them. Who reads the log can use what is in them: for development. The address is
 * shortened, since addresses stay out of logs.
 */
export function mailToLog(logger: Logger): SendMail {
  return async ({ to, subject, text }) => {
    logger.info('a mail would be sent', { mail: { to: to.replace(/^(.).*@/, '$1...@'), subject, text } });
  };
}
