/** The attacks run at their full size with `ATTACKS=full`, and at a smaller size otherwise. */
export const isFull = process.env["ATTACKS"] === "full"

export const sized = <A>(full: A, small: A): A => (isFull ? full : small)

/** The ids of submissions. */
export const idsOf = (prefix: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`)

/** Prints what a test has measured. */
export const printFigures = (title: string, figures: Readonly<Record<string, number>>) =>
  void process.stdout.write(
    `${title}: ${Object.entries(figures)
      .map(([name, figure]) => `${name} ${Math.round(figure * 100) / 100}`)
      .join(", ")}\n`
  )

const skipped = (process.env["SKIPPED_DATABASES"] ?? "").split(" ")

export const hasPostgres = !skipped.includes("postgresql")
export const hasRedis = !skipped.includes("redis")
