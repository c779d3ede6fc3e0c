import type { Fault } from "./faults.ts"
import type { Report } from "./outcome.ts"
import { maxAttempts } from "./settings.ts"

/**
 * The rules that hold at every fault, whatever the table says.
 *
 * @param showsStage whether the transport's error, or what it has read of the form, shows that there was no connection
 */
export const violations = (
  { maxForms = 1, stage }: Fault,
  { attempts, outcome }: Report,
  forms: number,
  showsStage: boolean
): ReadonlyArray<string> => [
  ...(forms > maxForms ? [`${forms} whole forms arrived`] : []),
  ...(outcome === "unexpected" ? ["the error is not one of create"] : []),
  ...(outcome === "not sent" && forms > 0 ? ["a form arrived that was reported as not sent"] : []),
  ...(outcome === "not sent" && attempts !== maxAttempts ? [`it was not retried: ${attempts} attempts`] : []),
  ...(outcome === "ambiguous" && attempts !== 1 && stage !== "head" ? [`it was retried: ${attempts} attempts`] : []),
  ...(stage === "after" && outcome !== "ambiguous" ? ["the server may have the form"] : []),
  ...(stage === "head" && outcome !== "ambiguous" && outcome !== "not sent" ? ["there was no response"] : []),
  ...(stage === "before" && forms === 0 && outcome !== "not sent" && showsStage
    ? ["nothing was sent, which the transport shows"]
    : [])
]
