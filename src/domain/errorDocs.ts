/** Where the documents of the package describe an error. */
export const docsOf = (tag: string): string => `effect-ripio-tickets/docs/errors.md#${tag.toLowerCase()}`
