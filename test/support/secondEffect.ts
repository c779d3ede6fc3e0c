import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { buildSync } from "esbuild"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"

/** A second copy of Effect, as a program has it whose dependencies disagree about the version. */
export interface SecondEffect {
  readonly Duration: typeof Duration
  readonly Redacted: typeof Redacted
  readonly Schedule: typeof Schedule
}

/** Loads a copy of Effect that shares no module with the copy of the library. */
export const loadSecondEffect = async (): Promise<SecondEffect> => {
  const { outputFiles } = buildSync({
    stdin: {
      contents: ["Duration", "Redacted", "Schedule"]
        .map((name) => `export * as ${name} from "effect/${name}"`)
        .join("\n"),
      resolveDir: import.meta.dirname
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node"
  })
  const folder = mkdtempSync(join(tmpdir(), "effect-"))
  try {
    const file = join(folder, "effect.mjs")
    writeFileSync(file, outputFiles[0]?.text ?? "")
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as SecondEffect
  } finally {
    rmSync(folder, { recursive: true })
  }
}
