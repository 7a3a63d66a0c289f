/** How conversations went in a while. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, api } from "./client";

export const useStatistics = (page: string, range: string) =>
  useQuery({
    queryKey: ["conversations", "statistics", page, range],
    queryFn: () => answered(api.GET("/baton/v1/statistics", { params: { query: { page, range } } })),
    placeholderData: keepPreviousData,
    // Counting takes a while: not again with each message.
    staleTime: 30_000,
    enabled: page !== "",
  });
