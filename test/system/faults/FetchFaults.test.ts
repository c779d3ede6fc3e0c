import { isFetch } from "../../support/server.ts"
import { testFaults } from "./testFaults.ts"

testFaults(isFetch)
