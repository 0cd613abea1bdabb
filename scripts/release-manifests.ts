// Completes the manifests and README files of a checkout that is about to be packed, by the address of the repository
// in package.json. The release workflow runs it between build and pack; what it writes is not committed.
import { join } from 'node:path';
import { prepareManifests, repositoryOf } from './lib/release-manifests.ts';

const root = join(import.meta.dirname, '..');
const repository = repositoryOf(root);
if (repository === undefined) {
  console.error('package.json has no "repository", of which what npm shows of each package is made: say where it is.');
  process.exitCode = 1;
} else prepareManifests(root, repository);
