/** What is accepted and not advisable, with the rule that says so. */
import type { Routing, RoutingWarning } from "../../api/types";
import { Empty } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { Card, screen, Warning } from "../../parts/screen";

export function warningsOf(routing: Routing, page: string): RoutingWarning[] {
  const index = routing.pages.findIndex((one) => one.id === page);
  const own = [`/pages/${page}`, `/pages/${index}`];
  const is = (pointer: string) => own.some((start) => pointer === start || pointer.startsWith(`${start}/`));
  return (routing.warnings ?? []).filter((one) => is(one.pointer));
}

export function Warnings({ warnings }: { warnings: RoutingWarning[] }) {
  return (
    <Card title="Warnings" note="accepted, and not advisable">
      {warnings.length === 0 ? (
        <Empty title="Nothing is wrong with how this page is set up" />
      ) : (
        <div className={screen.body}>
          {warnings.map((one) => (
            <Warning key={`${one.pointer}/${one.detail}`}>
              <p>
                <bdi>{one.detail}</bdi> {one.rule && <RuleTag rule={one.rule} />}
              </p>
              <code className={screen.mono}>{one.pointer}</code>
            </Warning>
          ))}
        </div>
      )}
    </Card>
  );
}
