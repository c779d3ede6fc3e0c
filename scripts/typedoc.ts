// A plugin of TypeDoc for this package.
//
// - A module has the name under which package.json exports it.
// - A service, `class X extends Context.Service<X, { ... }>()("id") {}`, lists the members of its shape. TypeDoc alone
//   prints the shape as one type argument in the hierarchy.
// - No class shows the call that it extends, such as `Schema.TaggedError(...)(...)`: TypeDoc prints it in full.
import {
  type Application,
  type Context,
  Converter,
  type DeclarationReflection,
  type ProjectReflection,
  ReflectionFlag,
  ReflectionKind,
  ReflectionType,
  TypeScript as ts
} from "typedoc"
import manifest from "../package.json" with { type: "json" }

const extendedCall = (context: Context, reflection: DeclarationReflection): ts.CallExpression | undefined => {
  if (reflection.kind !== ReflectionKind.Class) return undefined
  const declaration = context.getSymbolFromReflection(reflection)?.declarations?.find(ts.isClassDeclaration)
  const parent = declaration?.heritageClauses?.[0]?.types[0]?.expression
  return parent !== undefined && ts.isCallExpression(parent) ? parent : undefined
}

/** `{ ... }` of `Context.Service<X, { ... }>()("id")`. */
const shapeOf = ({ expression: service }: ts.CallExpression): ts.TypeNode | undefined =>
  ts.isCallExpression(service) && service.expression.getText() === "Context.Service"
    ? service.typeArguments?.[1]
    : undefined

const moveMembers = (project: ProjectReflection, shape: DeclarationReflection, service: DeclarationReflection) => {
  for (const member of shape.children ?? []) {
    member.parent = service
    service.addChild(member)
    const type = member.type
    if (type instanceof ReflectionType && type.declaration.signatures !== undefined) toMethod(project, member, type)
  }
  delete shape.children
  project.removeReflection(shape)
}

const toMethod = (project: ProjectReflection, member: DeclarationReflection, { declaration }: ReflectionType) => {
  member.kind = ReflectionKind.Method
  member.setFlag(ReflectionFlag.Readonly, false)
  for (const signature of declaration.signatures ?? []) {
    signature.parent = member
    signature.name = member.name
    if (member.comment !== undefined) signature.comment ??= member.comment
    member.signatures = [...(member.signatures ?? []), signature]
  }
  delete member.comment
  delete member.type
  delete declaration.signatures
  project.removeReflection(declaration)
}

const nameModules = ({ children = [] }: ProjectReflection): ReadonlyArray<string> =>
  children.map((module) => {
    module.name = module.name === "index" ? manifest.name : `${manifest.name}/${module.name}`
    return module.name
  })

// The files of the root entry, which have capital letters, are documented there.
const exported = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json" && !/^\.\/[A-Z]/u.test(path))
  .map((path) => path.replace(/^\./u, manifest.name))

export const load = ({ converter, logger }: Application): void => {
  const classes = new Set<DeclarationReflection>()
  const services = new Set<DeclarationReflection>()

  converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    const call = extendedCall(context, reflection)
    if (call === undefined) return
    classes.add(reflection)
    const shape = shapeOf(call)
    if (shape === undefined) return
    services.add(reflection)
    const type = converter.convertType(context.withScope(reflection), shape)
    if (type instanceof ReflectionType) moveMembers(context.project, type.declaration, reflection)
    else logger.error(`the shape of the service ${reflection.name} is not an object type, so its page would be empty`)
  })

  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of classes) {
      delete reflection.extendedTypes
      for (const member of reflection.children ?? []) {
        // A field of a schema has the schema as its value.
        delete member.defaultValue
        for (const part of [member, ...(member.signatures ?? [])]) delete part.inheritedFrom
      }
    }
    for (const reflection of services) {
      for (const constructor of reflection.getChildrenByKind(ReflectionKind.Constructor)) {
        project.removeReflection(constructor)
      }
    }
    const names = nameModules(project)
    if (names.toSorted().join() !== exported.toSorted().join()) {
      logger.error(
        `entryPoints in typedoc.json and exports in package.json differ: ${names.join()}; ${exported.join()}`
      )
    }
  })
}
