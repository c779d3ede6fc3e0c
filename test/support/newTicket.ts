import { CustomerId, type NewTicket } from "../../src/index.ts"

export const customerId = CustomerId.make("3f2a7c1e-5b1d-4c0e-9a57-0d7f4b1c2e3d")

/** A valid ticket, with the fields that matter to a test. */
export const newTicket = (fields: Partial<NewTicket> = {}): NewTicket => ({
  customerId,
  summary: "A deposit is missing",
  description: "Since Monday.",
  ...fields
})
