/** How the client of one fault differs from the default. */
export interface Settings {
  readonly baseUrl: string
  /** Headers that the client adds. */
  readonly headers?: Readonly<Record<string, string>>
  /** The time limit of an attempt in milliseconds. */
  readonly timeout?: number
  /** Whether the client sends another request first, so that the create reuses its connection. */
  readonly warmUp?: true
  /** Whether an `HttpClient.retry` surrounds the client. */
  readonly retries?: true
}

/** The number of attempts of the retry policy. */
export const maxAttempts = 3
