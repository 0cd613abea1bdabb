/** What is used of rascal, which has no types of its own. */
declare module 'rascal' {
  interface Broker {
    on(event: 'error', listener: () => void): void;
    subscribe(name: string): Promise<{
      on(event: 'message', listener: (message: unknown, content: unknown, ackOrNack: () => void) => void): void;
    }>;
    publish(name: string, data: object, overrides: { options: object }): Promise<NodeJS.EventEmitter>;
    shutdown(): Promise<void>;
  }
  const rascal: {
    readonly withDefaultConfig: (config: object) => object;
    readonly BrokerAsPromised: { readonly create: (config: object) => Promise<Broker> };
  };
  export default rascal;
}
