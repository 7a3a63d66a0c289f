/** Settings: everything as a file has it, what a change of it would do, and the change itself. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, getTagged, patch, post, put, remove, segment } from "./client";
import type { AppTable, Moved, PageTable, Routing } from "./types";

export const useSettings = () =>
  useQuery({
    queryKey: ["routing", "tagged"],
    queryFn: () => getTagged<Routing>("routing"),
    staleTime: 60_000,
  });

/** A page with what was counted for its ads. */
export const usePageTable = (page: string) =>
  useQuery({ queryKey: ["routing", "page", page], queryFn: () => get<PageTable>(`pages/${segment(page)}`) });

/** What a change would do; nothing is done. */
export const useConsequences = (page: PageTable, changed: boolean) =>
  useQuery({
    queryKey: ["routing", "dry", page],
    queryFn: () => put<Moved>("routing", { pages: [page] }, { dry_run: true }),
    enabled: changed,
    gcTime: 30_000,
  });

function useChange<In, Out>(run: (given: In) => Promise<Out>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: () => queries.invalidateQueries({ queryKey: ["routing"] }),
  });
}

/** Made only if nobody else changed anything since it was read. */
export const useSavePage = () =>
  useChange(({ page, tag }: { page: PageTable; tag: string }) =>
    put<Moved>("routing", { pages: [page] }, {}, { "if-match": tag }),
  );

export interface TokenMade {
  token: string;
}

export const useMakeToken = () =>
  useChange(({ page, app, tasks }: { page: string; app: string; tasks: string[] }) =>
    post<TokenMade>(`pages/${segment(page)}/connections/${segment(app)}/tokens`, { tasks }),
  );

const app = (id: string): string => `apps/${segment(id)}`;

/** An app as a change answers it: what was made up for it is told this once. */
export type AppAnswer = AppTable & { secret?: string; warnings?: { detail: string }[] };

export const useMakeApp = () => useChange((given: Partial<AppTable>) => post<AppAnswer>("apps", given));
export const usePatchApp = () =>
  useChange(({ id, change }: { id: string; change: Record<string, unknown> }) =>
    patch<AppAnswer>(app(id), change),
  );
/** What an app's receiver answered to something that nobody did. */
export interface Probed {
  status: number | null;
  error: string | null;
  duration_ms: number;
  body_start: string;
  is_challenge: boolean | null;
}

export type Probe = { webhook: unknown } | { handshake: "right" };

export const useProbe = () =>
  useChange(({ id, what }: { id: string; what: Probe }) => post<Probed>(`${app(id)}/probe`, what));
export const useRemoveApp = () => useChange((id: string) => remove(app(id)));
