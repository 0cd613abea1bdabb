import { describeWithEachDatabase } from './databases.ts';
import { testUsers } from './users-suite.ts';

describeWithEachDatabase((database) => testUsers(() => ({ DATABASE_URL: database.url })));
