import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { publicPackages, subpathsOf } from './workspace.ts';

/** The parts of typedoc that are used here. It is one of the tools in scripts/tools, with a TypeScript of its own. */
interface TypeDoc {
  readonly Application: {
    bootstrapWithPlugins(options: object): Promise<{
      getEntryPoints(): { displayName: string; sourceFile: { fileName: string } }[] | undefined;
      readonly converter: { convert(entries: object): { children?: { name: string }[] } };
      readonly logger: { hasErrors(): boolean };
      generateOutputs(project: object): Promise<void>;
    }>;
  };
}

/** Writes a page for each subpath of the packages into `<folder>/reference`, of the doc comments of the sources. */
export async function writeReference(root: string, folder: string, tool: (path: string) => string): Promise<void> {
  const { Application } = (await import(pathToFileURL(tool('typedoc/dist/index.js')).href)) as TypeDoc;
  const subpaths = publicPackages(root).flatMap((pkg) =>
    subpathsOf(pkg).map(({ specifier, source }) => ({ specifier, file: join(pkg.dir, source) })),
  );
  const app = await Application.bootstrapWithPlugins({
    entryPoints: subpaths.map(({ file }) => file),
    tsconfig: join(root, 'tsconfig.json'),
    plugin: [tool('typedoc-plugin-markdown/dist/index.js')],
    // `npm run typecheck` looks for errors, by the compiler that is ours.
    skipErrorChecking: true,
    out: join(folder, 'reference'),
    readme: 'none',
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    groupOrder: ['Functions', 'Classes', 'Variables', 'Interfaces', 'Type Aliases', '*'],
    logLevel: 'Error',
    // Of typedoc-plugin-markdown.
    outputFileStrategy: 'modules',
    entryFileName: 'index',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    // Its links and its headings do not count names that come twice in the same way.
    useHTMLAnchors: true,
    useCodeBlocks: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
  });
  const entries = app.getEntryPoints() ?? [];
  for (const entry of entries) {
    const { specifier } = subpaths.find(({ file }) => file === entry.sourceFile.fileName)!;
    entry.displayName = specifier;
  }
  const project = app.converter.convert(entries);
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('typedoc failed: see above');
}
