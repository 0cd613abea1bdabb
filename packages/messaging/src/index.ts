export {
  type BatchOperation,
  channels,
  type GroupReport,
  groupsChannel,
  type GroupsQuestion,
  type HookOperation,
  type ProcessOperation,
  type PublishOperation,
  type ReceiveOperation,
  type RelayOperation,
} from './channels.ts';
export type {
  DeadLetter,
  DeadLetterSelection,
  DeadLetters,
  DeadLettersDone,
  ReplayOptions,
} from './dead-letters.ts';
export type {
  Delivery,
  DriverCall,
  DriverFailure,
  GroupCount,
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
export type { BatchContext, BatchHandler, BatchOptions } from './batches.ts';
export {
  defineTopic,
  type Handler,
  type HandlerContext,
  type Message,
  type ProcessOutcome,
  type Topic,
} from './message.ts';
export { createMessaging, type Messaging, type Subscriber, type TopicGroup } from './messaging.ts';
export type { MessageMiddleware, MessageOutcome } from './middleware.ts';
export type {
  Backoff,
  Clock,
  CloseOptions,
  Duration,
  MessagingOptions,
  PublishOptions,
  RequestOptions,
  SubscribeOptions,
} from './options.ts';
export type { BatchItem, Published, Publisher } from './publisher.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './schema.ts';
export type { MessageSerializer } from './serializer.ts';
export type { GroupStats, Subscription, SubscriptionStats } from './subscription.ts';
