import { declareHost } from './suite/suite.ts';
import { fetchReplies } from './suite/rows/replies.ts';
import { fetchResponses } from './suite/rows/responses.ts';

for (const host of [fetchReplies, fetchResponses]) declareHost(host);
