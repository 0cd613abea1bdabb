import { declareHost } from '../support/hosts/suite.ts';
import { fetchReplies } from '../support/hosts/rows/replies.ts';
import { fetchResponses } from '../support/hosts/rows/responses.ts';

for (const host of [fetchReplies, fetchResponses]) declareHost(host);
