export { channels, type ProcessOperation, type PublishOperation, type RelayOperation } from './channels.ts';
export type {
  Delivery,
  DriverCall,
  DriverFailure,
  MessagingDriver,
  MessagingFeatures,
  SendResult,
  Settlement,
  SettleResult,
  Source,
  SourceSpec,
  SubscriptionSpec,
  WireMessage,
} from './driver.ts';
export { messagingErrors } from './errors.ts';
export { DEAD_LETTER_HEADERS } from './internal/dead-letter.ts';
export { defineTopic, type Handler, type HandlerContext, type Message, type Topic } from './message.ts';
export { createMessaging, type Messaging, type Subscriber } from './messaging.ts';
export type {
  Backoff,
  Clock,
  CloseOptions,
  Duration,
  MessagingOptions,
  PublishOptions,
  SchemaIssue,
  SchemaResult,
  StandardSchema,
  SubscribeOptions,
} from './options.ts';
export type { BatchItem, Published, Publisher } from './publisher.ts';
export type { Subscription } from './subscription.ts';
