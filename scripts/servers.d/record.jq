# What docs/versions.json keeps of a matrix: how each scenario ended on the first pair, whether it
# did so on all, and what was otherwise.
def ended: {verdict, stage, cause} | with_entries(select(.value != null));
{
  on: .columns[0].started[:10],
  pairs: [.columns[] | .name as $pair | .counts | {pair: $pair} + .],
  scenarios: (.rows | map({
    key: .id,
    value: ((.cells[0] | ended) + {alike: (([.cells[] | ended] | unique | length) == 1)})
  }) | from_entries),
  differences: .differences
}
