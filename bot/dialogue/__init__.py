"""Pure decisions: ledger, truth belief, technique choice, complaints, guard. No input or output."""
