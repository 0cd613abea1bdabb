import type { RequestListener } from 'node:http';
import type { Component } from '@ent/lifecycle';
import { createMcp, mcpHandler, serviceTools, watchProcess, type ServicePorts } from '@ent/mcp';

/** What assistants are let in by, and what they may ask about. */
interface Setup {
  readonly name: string;
  readonly token: string;
  readonly parts: Omit<ServicePorts, 'caches' | 'errors'>;
}

/** Answers assistants at `/mcp`, and nobody else there; all other requests go on to the listener. */
export function withAssistants(
  listener: RequestListener,
  { name, token, parts }: Setup,
): { readonly listener: RequestListener; readonly component: Component } {
  const watch = watchProcess();
  const tools = serviceTools({ ...parts, caches: watch.caches, errors: watch.errors });
  const { handle, close } = mcpHandler(createMcp({ name, version: '1.0.0', tools }), { token });
  return {
    listener: (req, res) => {
      if (req.url === '/mcp') void handle(req, res);
      else listener(req, res);
    },
    component: {
      async stop() {
        watch.close();
        await close();
      },
    },
  };
}
