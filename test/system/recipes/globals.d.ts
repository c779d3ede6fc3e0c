// What the examples use of their platforms. The types of Bun, Deno and Workers declare the same globals, and exclude each other.
declare const Bun: {
  readonly serve: (options: {
    readonly hostname: string
    readonly port: number
    readonly routes: Readonly<
      Record<string, { readonly POST: (request: Request, server: { readonly port: number }) => Promise<Response> }>
    >
  }) => { readonly stop: () => Promise<void> }
}

declare const Deno: {
  readonly env: { readonly get: (name: string) => string | undefined }
  readonly addSignalListener: (signal: "SIGTERM", listener: () => void) => void
  readonly serve: (
    options: { readonly hostname: string; readonly port: number },
    handler: (request: Request, info: { readonly remoteAddr: object }) => Response | Promise<Response>
  ) => { readonly shutdown: () => Promise<void> }
}

declare module "cloudflare:workers" {
  export const env: Readonly<Record<string, unknown>> & {
    readonly TOKENS: {
      readonly get: (key: string) => Promise<string | null>
      readonly put: (key: string, value: string) => Promise<void>
      readonly delete: (key: string) => Promise<void>
    }
  }
}
