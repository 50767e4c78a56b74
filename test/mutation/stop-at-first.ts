import * as fc from "fast-check";

// A mutant that is found need not be explained: no search for the smallest counterexample.
fc.configureGlobal({ endOnFailure: true });
