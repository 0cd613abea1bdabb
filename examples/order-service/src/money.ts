/** The one currency of the shop, and its two digits behind the point. */
export const CURRENCY = 'EUR' as const;

/** An exact amount as a decimal: `"12.30"`. It is never a number: 0.1 + 0.2 is none that anybody has to pay. */
export type Money = string;

const AMOUNT = /^(-?)(\d+)(?:\.(\d{1,2}))?$/;

/** The amount in cents, to count with. */
export function cents(amount: Money): bigint {
  const [, sign, whole = '', fraction = ''] = AMOUNT.exec(amount) ?? [];
  if (sign === undefined) throw new TypeError(`${JSON.stringify(amount)} is no amount such as "12.30".`);
  return BigInt(`${sign}${whole}${fraction.padEnd(2, '0')}`);
}

/** The amount of so many cents, with both digits behind the point. */
export function money(inCents: bigint): Money {
  const digits = (inCents < 0n ? -inCents : inCents).toString().padStart(3, '0');
  return `${inCents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** As both digits behind the point have it: databases give `12.3` for 12.30. */
export function exact(amount: Money): Money {
  return money(cents(amount));
}

/** What some pieces cost together. */
export function totalOf(lines: readonly { readonly price: Money; readonly quantity: number }[]): Money {
  return money(lines.reduce((sum, { price, quantity }) => sum + cents(price) * BigInt(quantity), 0n));
}
