import { type Database, defineEntity, type EntityOf, isUniqueViolation, typed } from '@ent/database';
import { defineErrors, ValidationError } from '@ent/errors';
import { cents } from '../money.ts';

/** What the provider knows of a key. The id is the key: the effect, and the memory of it, are one row. */
export const payments = defineEntity({
  name: 'payments',
  fields: {
    id: 'string',
    amount: 'decimal',
    card: 'string',
    /** `void`: it was refunded before it came; it never will be taken. */
    status: typed<'taken' | 'declined' | 'refunded' | 'void'>('string'),
    createdAt: 'date',
  },
  createdAt: 'createdAt',
});

export type Payment = EntityOf<typeof payments>;

const providerErrors = defineErrors('provider', {
  key_reused: { class: ValidationError, title: 'The Idempotency-Key was used for another payment', expose: true },
});

/** The card that has no money. */
const DECLINED = 'tok_declined';

/** The books of the provider. */
export function createBooks(db: Database) {
  const stored = db.repo(payments);

  /** The row of the key: the one that is there, or this one. */
  const once = async (row: Omit<Payment, 'createdAt'>): Promise<Payment> => {
    const known = await stored.get(row.id);
    if (known !== null) return known;
    try {
      return await stored.insert(row);
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      return once(row);
    }
  };

  return {
    /** @throws `provider.key_reused` */
    async take(id: string, amount: string, card: string): Promise<Payment> {
      const payment = await once({ id, amount, card, status: card === DECLINED ? 'declined' : 'taken' });
      const isSame = cents(payment.amount) === cents(amount) && payment.card === card;
      if (isSame || payment.status === 'void') return payment;
      throw providerErrors.key_reused('This Idempotency-Key belongs to another payment.');
    },
    /** Gives back what was taken; of a payment that has not come yet, makes one that never will. */
    async refund(id: string): Promise<Payment> {
      const { status } = await once({ id, amount: '0', card: '', status: 'void' });
      if (status === 'taken') await stored.updateMany({ set: { status: 'refunded' } }, { where: { id, status } });
      return (await stored.get(id)) as Payment;
    },
  };
}

export type Books = ReturnType<typeof createBooks>;
