import type { Load } from "../harness.ts"

/** What the process is to be: it is told so when it is started. */
export const role = (): unknown => JSON.parse(process.argv[2]!)

/** Answers each question of the bench. What goes wrong ends the process, and the bench with it. */
export const serve = (answer: (load: Load) => Promise<object>): void => {
  process.on("message", (load: Load) => {
    void answer(load).then((answer) => process.send!(answer))
  })
  process.send!("ready")
}
