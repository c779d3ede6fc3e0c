export * from "./domain/IssueKey.ts"
export * from "./domain/SupportTicket.ts"
export * from "./domain/TicketId.ts"
