import type { Service } from './service.ts';

/**
 * The texts of the mails that the service has printed so far, those to who has this name: addresses are not printed.
 */
export function mailsTo(service: Service, name: string): string[] {
  return service
    .output()
    .split('\n')
    .filter((line) => line.includes('"a mail would be sent"') && line.endsWith('}'))
    .map((line) => (JSON.parse(line) as { 'labels.mail': { text: string } })['labels.mail'].text)
    .filter((text) => text.startsWith(`Hello ${name},`));
}

/** The tokens of the links that were sent to who has this name, the latest last. */
export function tokensTo(service: Service, name: string, page: 'verify-email' | 'reset-password'): string[] {
  const link = new RegExp(`/${page}#token=(\\S+)`);
  return mailsTo(service, name).flatMap((text) => link.exec(text)?.[1] ?? []);
}
