import { describeWithEachDatabase } from './databases.ts';
import { testAuth } from './auth-suite.ts';

describeWithEachDatabase((database) => testAuth(() => ({ DATABASE_URL: database.url })));
