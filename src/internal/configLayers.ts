import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isString } from "effect/Predicate"
import { InvalidOption } from "../domain/InvalidOption.ts"

/** The layers of one kind, by the name of their account; `undefined` for the account without a name. */
type LayersByName<A, E, R> = (name?: string) => Layer.Layer<A, E | InvalidOption, R>

/**
 * Layers of configuration variables: one for each name and `ConfigProvider`.
 *
 * Effect builds a layer value once per program. A constant would therefore use the variables of the first `ConfigProvider`
 * everywhere, and a new value for each call would build each account more than once.
 */
export const layersByName = <A, E, R>(
  make: (prefix: string, name: string | undefined) => Layer.Layer<A, E, R>
): LayersByName<A, E, R> => {
  const layers = new WeakMap<ConfigProvider.ConfigProvider, Map<string, Layer.Layer<A, E, R>>>()

  const layerFor = (provider: ConfigProvider.ConfigProvider, prefix: string, name: string | undefined) => {
    const named = layers.get(provider) ?? new Map<string, Layer.Layer<A, E, R>>()
    layers.set(provider, named)
    const layer = named.get(prefix) ?? make(prefix, name)
    named.set(prefix, layer)
    return layer
  }

  return (name) => {
    if (name !== undefined && !isName(name)) return Layer.effectContext(Effect.fail(invalidName()))
    const prefix = name === undefined ? "RIPIO" : `RIPIO_${name}`
    return Layer.fromBuild((memoMap, scope) =>
      Effect.flatMap(ConfigProvider.ConfigProvider, (provider) =>
        Layer.buildWithMemoMap(layerFor(provider, prefix, name), memoMap, scope)
      )
    )
  }
}

// JavaScript may pass anything.
const isName = (name: unknown): boolean => isString(name) && /^[A-Z][A-Z0-9_]{0,49}$/u.test(name)

const invalidName = () =>
  new InvalidOption({ option: "name", issue: 'expected capital letters, digits and underscores, such as "AR"' })
