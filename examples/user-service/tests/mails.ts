import type { Service } from './service.ts';

export interface PrintedMail {
  to: string;
  subject: string;
  text: string;
}

/** The mails that the service has printed so far, those to an address. */
export function mailsTo(service: Service, address: string): PrintedMail[] {
  return service
    .output()
    .split('\n')
    .filter((line) => line.includes('"a mail would be sent"') && line.endsWith('}'))
    .map((line) => (JSON.parse(line) as { 'labels.mail': PrintedMail })['labels.mail'])
    .filter(({ to }) => to === address);
}

/** The tokens of the links that were sent to an address, the latest last. */
export function tokensTo(service: Service, address: string, page: 'verify-email' | 'reset-password'): string[] {
  const link = new RegExp(`/${page}#token=(\\S+)`);
  return mailsTo(service, address).flatMap(({ text }) => link.exec(text)?.[1] ?? []);
}
