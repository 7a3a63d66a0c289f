/** Settings: everything as a file has it, what a change of it would do, and the change itself. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answered, api } from "./client";
import type { components } from "./schema";
import type { PageTable, Probe, Routing } from "./types";

type Schemas = components["schemas"];

export const useSettings = () =>
  useQuery({
    queryKey: ["routing", "tagged"],
    queryFn: async (): Promise<{ data: Routing; tag: string }> => {
      const asked = api.GET("/baton/v1/routing");
      const { response } = await asked;
      return { data: await answered(asked), tag: response.headers.get("etag") ?? "*" };
    },
    staleTime: 60_000,
  });

/** A page with what was counted for its ads. */
export const usePageTable = (page: string) =>
  useQuery({
    queryKey: ["routing", "page", page],
    queryFn: () => answered(api.GET("/baton/v1/pages/{page}", { params: { path: { page } } })),
  });

/** A page as a file has it. Fields that the server does not know are kept as they are. */
export const fileOf = (page: PageTable): Schemas["RoutingFile"] => ({ pages: [page as Schemas["NewPage"]] });

/** What a change would do; nothing is done. */
export const useConsequences = (page: PageTable | undefined, changed: boolean) =>
  useQuery({
    queryKey: ["routing", "dry", page],
    queryFn: () =>
      answered(
        api.PUT("/baton/v1/routing", {
          params: { query: { dry_run: true } },
          body: page ? fileOf(page) : {},
        }),
      ),
    enabled: changed && page !== undefined,
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
    answered(api.PUT("/baton/v1/routing", { params: { header: { "If-Match": tag } }, body: fileOf(page) })),
  );

export const useMakeToken = () =>
  useChange(({ page, app, ...body }: { page: string; app: string } & Schemas["NewToken"]) =>
    answered(
      api.POST("/baton/v1/pages/{page}/connections/{app}/tokens", { params: { path: { page, app } }, body }),
    ),
  );

/** The tokens of an app on a page, without themselves: by the beginning of their hash. */
export const useTokens = (page: string, app: string, enabled: boolean) =>
  useQuery({
    queryKey: ["routing", "tokens", page, app],
    queryFn: () =>
      answered(
        api.GET("/baton/v1/pages/{page}/connections/{app}/tokens", {
          params: { path: { page, app } },
        }),
      ),
    enabled,
  });

export const useEndToken = () =>
  useChange(({ page, app, token }: { page: string; app: string; token: string }) =>
    answered(
      api.DELETE("/baton/v1/pages/{page}/connections/{app}/tokens/{name}", {
        params: { path: { page, app, name: token } },
      }),
    ),
  );

const of = (app: string) => ({ params: { path: { app } } });

/** What was made up for it is told in this answer alone. */
export const useMakeApp = () =>
  useChange((body: Schemas["AppPost"]) => answered(api.POST("/baton/v1/apps", { body })));
export const usePatchApp = () =>
  useChange(({ id, change }: { id: string; change: Schemas["AppPatch"] }) =>
    answered(api.PATCH("/baton/v1/apps/{app}", { ...of(id), body: change })),
  );
/** Has the server send a receiver one of everything; it takes as long as the receiver does. */
export const useExamine = () =>
  useMutation({
    mutationFn: (app: string) =>
      answered(api.POST("/baton/v1/apps/{app}/examinations", { params: { path: { app } }, body: {} })),
  });

export const useProbe = () =>
  useChange(({ id, what }: { id: string; what: Probe }) =>
    answered(api.POST("/baton/v1/apps/{app}/probe", { ...of(id), body: what })),
  );
export const useRemoveApp = () =>
  useChange((id: string) => answered(api.DELETE("/baton/v1/apps/{app}", of(id))));
