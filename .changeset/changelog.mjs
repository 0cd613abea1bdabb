// What a release says in CHANGELOG.md: the text of each changeset, for users. All packages have one version, so which
// of them was released with which is no news, and a commit is found by git.
const functions = {
  /** @param {{ summary: string }} changeset */
  getReleaseLine: async ({ summary }) => {
    const [first = '', ...rest] = summary.trim().split('\n');
    return [`- ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
  },
  getDependencyReleaseLine: async () => '',
};

// Changesets takes this form alone.
// oxlint-disable-next-line import/no-default-export
export default functions;
