export { type DeliverOnceOptions, deliverOnce } from './webhooks/deliver-once.ts';
export { githubWebhooks, standardWebhooks, stripeWebhooks, type WebhookScheme } from './webhooks/schemes.ts';
export { type SignedDelivery, signedWebhook, type SignedWebhookOptions } from './webhooks/signed-webhook.ts';
