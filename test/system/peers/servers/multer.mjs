/* oxlint-disable -- test:peers installs the packages, so the imports have no types before its first run */
// Express with multer. It accepts tickets, and returns the parsed forms at /read.
import { createHash } from "node:crypto"
import express from "express"
import multer from "multer"

const app = express()
const upload = multer({ storage: multer.memoryStorage(), defParamCharset: "utf8" })
const read = []

app.post("/api/v1/supportTickets/", upload.array("files"), (request, response) => {
  read.push({
    fields: { ...request.body },
    files: request.files.map(({ buffer, mimetype, originalname }) => ({
      name: originalname,
      type: mimetype,
      size: buffer.length,
      sha256: createHash("sha256").update(buffer).digest("hex")
    }))
  })
  response.status(202).json({ ticketId: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", status: "PENDING", issueKey: null })
})
app.post("/oauth2/token/", (_, response) =>
  response.json({ accessToken: "a-token", expiresIn: 36000, tokenType: "Bearer" })
)
app.get("/read", (_, response) => response.json(read))
app.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"))
