/** The limit that two processes share. */
export const rateLimit = { limit: 40, window: "1 second" } as const

/** How long each process sends. */
export const millis = 5000
