import * as Logger from "effect/Logger"

/** A logger that keeps its lines, each as the level and the message without the cause. */
export const recordLog = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push(`${logLevel} ${String(Array.isArray(message) ? message[0] : message)}`)
  })
  return { lines, layer: Logger.layer([logger]) }
}
