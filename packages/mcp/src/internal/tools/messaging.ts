import { z } from 'zod';
import { mcpErrors } from '../../errors.ts';
import type { LetterPort, MessagingPort } from '../../ports.ts';
import { defineTool, type Tool } from '../../tool.ts';

/** Groups that are counted in one call: each is a question to the broker. */
const MOST_GROUPS = 100;
const Name = z.string().min(1).max(255);

export function messagingTools(messaging: MessagingPort): Tool[] {
  return [queuesTool(messaging), deadLettersTool(messaging)];
}

function queuesTool(messaging: MessagingPort): Tool {
  return defineTool({
    name: 'queues',
    title: 'Queues',
    description:
      'How far the groups of subscribers are: messages that are ready, delayed, being handled, dead. Without arguments all groups, ' +
      'where the broker lists them; RabbitMQ does not, and wants topic and group.',
    input: z.object({ topic: Name.optional(), group: Name.optional() }),
    async run({ topic, group }, { signal }) {
      if (topic !== undefined && group !== undefined) {
        const stats = await messaging.stats(topic, group);
        if (stats === undefined) throw mcpErrors.not_found(`The topic "${topic}" has no group "${group}".`);
        return { topic, group, ...stats };
      }
      if (messaging.driver?.features?.lists === false) {
        throw mcpErrors.invalid_argument('This broker does not list its topics and groups: give topic and group.');
      }
      const all = (await messaging.groups()).filter(
        (each) => (topic ?? each.topic) === each.topic && (group ?? each.group) === each.group,
      );
      const counted: object[] = [];
      for (const each of all.slice(0, MOST_GROUPS)) {
        signal.throwIfAborted();
        counted.push({ topic: each.topic, group: each.group, ...(await messaging.stats(each.topic, each.group)) });
      }
      return { groups: counted, notCounted: all.slice(MOST_GROUPS) };
    },
  });
}

function deadLettersTool(messaging: MessagingPort): Tool {
  return defineTool({
    name: 'dead_letters',
    title: 'Dead letters',
    description:
      'The messages of a topic of dead letters that could not be handled, oldest first, with the reason: how many there are, and the ' +
      'first ones where the broker shows messages without taking them.',
    input: z.object({
      topic: Name.describe('The topic of the dead letters; by default that of a group is called <topic>.<group>.dead.'),
      limit: z.int().min(1).max(50).default(10).describe('How many are shown at the most.'),
    }),
    async run({ topic, limit }) {
      const letters = messaging.deadLetters(topic);
      const count = await letters.count();
      // Where it cannot browse they would be taken and given back: that is a write, and others would see it.
      if (messaging.driver?.features?.browses !== true) return { topic, count, shown: 'This broker only counts them.' };
      return { topic, count, letters: (await letters.list({ limit })).map(shown) };
    },
  });
}

/** With its data as a text, where it is one: what is JSON in it is then read for names of secrets. */
function shown({ body, ...letter }: LetterPort): object {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isText = /json|text|xml/.test(letter.contentType ?? '');
  return { ...letter, body: isText ? text.toString() : body };
}
