/**
 * Test doubles: an in-memory Ripio API with faults and webhooks, scripted HTTP clients, and a signer of webhooks.
 *
 * @since 0.1.0
 */
export * from "./ConnectionLost.ts"
export * from "./Fault.ts"
export * from "./Sandbox.ts"
export * from "./SandboxAccount.ts"
export * from "./SandboxOptions.ts"
export * from "./SandboxRequest.ts"
export * from "./SandboxTicket.ts"
export * from "./SandboxWebhooks.ts"
export * from "./ScriptedHttpClient.ts"
export * from "./SignWebhook.ts"
