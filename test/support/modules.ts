import { dirname, posix } from "node:path"
import ts from "typescript"

/** A source file. Its imports are paths from the root of the repository, or specifiers of packages. */
export interface Module {
  readonly path: string
  readonly source: ts.SourceFile
  readonly imports: ReadonlyArray<string>
}

export type Modules = ReadonlyMap<string, Module>

const textOf = (node: ts.Node) => (ts.isStringLiteralLike(node) ? [node.text] : [])

const resolve = (from: string, specifier: string) =>
  specifier.startsWith(".") ? posix.join(dirname(from), specifier) : specifier

/** The modules that a file names: for a value, for a type, or in a dynamic import. */
const importsOf = (path: string, source: ts.SourceFile): ReadonlyArray<string> => {
  const specifiers: Array<string> = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      specifiers.push(...textOf(node.moduleSpecifier))
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      specifiers.push(...textOf(node.argument.literal))
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      specifiers.push(...node.arguments.flatMap(textOf))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return specifiers.map((specifier) => resolve(path, specifier))
}

/** Parses files: their texts by their paths from the root of the repository. */
export const parseModules = (files: Readonly<Record<string, string>>): Modules =>
  new Map(
    Object.entries(files).map(([path, text]) => {
      const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
      return [path, { path, source, imports: importsOf(path, source) }]
    })
  )

export interface Import {
  readonly from: string
  readonly to: string
}

export const allImports = (modules: Modules): ReadonlyArray<Import> =>
  [...modules.values()].flatMap(({ imports, path }) => imports.map((to) => ({ from: path, to })))

/** Everything that loading a module loads: paths of files and specifiers of packages. */
export const loadedBy = (modules: Modules, entry: string): ReadonlyArray<string> => {
  const loaded = new Set([entry])
  // A set yields values that are added during the iteration.
  for (const path of loaded) for (const imported of modules.get(path)?.imports ?? []) loaded.add(imported)
  return [...loaded]
}

/** A declaration that an entry point exports, or a namespace that it exports. */
export interface PublicExport {
  /** The file of the declaration. */
  readonly path: string
  /** The name in the entry point or in its namespace. */
  readonly name: string
  /** Whether the entry point exports it directly, not in a namespace. */
  readonly isTopLevel: boolean
  readonly node: ts.Node
}

/** The exports of an entry point, through all of its re-exports. Of an overloaded function, the first signature. */
export const publicExports = (modules: Modules, entry: string): ReadonlyArray<PublicExport> => {
  const found: Array<PublicExport> = []
  const seen = new Set<string>()

  /** `names` maps the names in the file to the exported names. Without it, the file is exported as a whole. */
  const visit = (path: string, isTopLevel: boolean, names?: ReadonlyMap<string, string>): void => {
    const source = modules.get(path)?.source
    const key = JSON.stringify([path, isTopLevel, names && [...names]])
    if (source === undefined || seen.has(key)) return
    seen.add(key)
    const overloaded = new Set<string>()
    for (const node of source.statements) {
      if (ts.isExportDeclaration(node)) {
        const [specifier] = node.moduleSpecifier === undefined ? [] : textOf(node.moduleSpecifier)
        const target = specifier === undefined ? path : resolve(path, specifier)
        if (node.exportClause === undefined) {
          if (names === undefined) visit(target, isTopLevel)
        } else if (ts.isNamespaceExport(node.exportClause)) {
          found.push({ path, name: node.exportClause.name.text, isTopLevel, node })
          visit(target, false)
        } else {
          const elements = node.exportClause.elements.map(
            ({ name, propertyName }) => [(propertyName ?? name).text, name.text] as const
          )
          visit(target, isTopLevel, new Map(elements))
        }
        continue
      }
      const isExported =
        ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      for (const declared of declaredNames(node)) {
        const name = names === undefined ? (isExported ? declared : undefined) : names.get(declared)
        if (name === undefined || overloaded.has(name)) continue
        if (ts.isFunctionDeclaration(node)) overloaded.add(name)
        found.push({ path, name, isTopLevel, node })
      }
    }
  }
  visit(entry, true)
  return found
}

const declaredNames = (node: ts.Statement): ReadonlyArray<string> => {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText())
  return ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isModuleDeclaration(node) ||
    ts.isEnumDeclaration(node)
    ? [node.name?.text ?? "default"]
    : []
}

/** The text of a tag in the doc comment of a declaration, or `undefined` if it does not have the tag. */
export const docTag = (node: ts.Node, tag: string): string | undefined => {
  const found = ts.getJSDocTags(node).find(({ tagName }) => tagName.text === tag)
  return found && (ts.getTextOfJSDocComment(found.comment) ?? "")
}

/** The doc comment of the whole file: a block above the imports, or above the doc comment of the first declaration. */
export const moduleComment = ({ source }: Module): string | undefined => {
  const [first] = source.statements
  if (first === undefined) return undefined
  const comments = (ts.getLeadingCommentRanges(source.text, first.getFullStart()) ?? []).map(({ end, pos }) =>
    source.text.slice(pos, end)
  )
  const blocks = comments.filter((comment) => comment.startsWith("/**"))
  return ts.isImportDeclaration(first) || blocks.length > 1 ? blocks[0] : undefined
}

/** Whether the written types of a declaration name an import from one of these modules. */
export const showsTypesOf = (declaration: ts.Node, specifiers: RegExp): boolean => {
  const imported = new Set(
    declaration
      .getSourceFile()
      .statements.filter(ts.isImportDeclaration)
      .filter(({ moduleSpecifier }) => textOf(moduleSpecifier).some((specifier) => specifiers.test(specifier)))
      .flatMap(({ importClause }) => {
        const bindings = importClause?.namedBindings
        if (bindings === undefined) return []
        return ts.isNamespaceImport(bindings) ? [bindings.name.text] : bindings.elements.map(({ name }) => name.text)
      })
  )
  const visit = (node: ts.Node, isType: boolean): boolean => {
    if (ts.isBlock(node) || (ts.isArrowFunction(node.parent) && node.parent.body === node)) return false
    if (isType && ts.isIdentifier(node) && imported.has(node.text)) return true
    return ts.forEachChild(node, (child) => visit(child, isType || ts.isTypeNode(node)) || undefined) ?? false
  }
  return visit(declaration, false)
}

/** The place of a declaration in its file, such as `src/A.ts:3 a`. */
export const placeOf = ({ name, node, path }: PublicExport): string => {
  const source = node.getSourceFile()
  return `${path}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1} ${name}`
}
