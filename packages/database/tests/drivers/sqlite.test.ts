import { testDatabaseDriver } from '@ent/database/testing';
import { describe, expect, it } from 'vitest';
import { fileHarness, memoryHarness } from '../fixtures/storage.ts';

testDatabaseDriver({ describe, it, expect }, fileHarness);
testDatabaseDriver({ describe, it, expect }, memoryHarness);
