/** Options of which one throws when it is read, as a getter of JavaScript may. */
export const unreadable = (option: string) =>
  Object.defineProperty({}, option, {
    get: () => {
      throw new Error("no")
    }
  })
