/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include "fail.h"
#include "ruleset_rules.h"

/* Numbers where names would need a file to be read: /etc/protocols may be absent. */
#define FLAGS (NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_PROTO | NFT_CTX_OUTPUT_STATELESS)

/* NULL if nft cannot list it, as on a kernel without nf_tables. */
static json_t *list_ruleset(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	json_t *json = NULL;

	if (!nft)
		return NULL;
	nft_ctx_output_set_flags(nft, FLAGS);
	if (!nft_ctx_buffer_output(nft) && !nft_ctx_buffer_error(nft) && !nft_run_cmd_from_buffer(nft, "list ruleset"))
		json = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	nft_ctx_free(nft);
	return json;
}

int ruleset_read(struct ruleset **ruleset)
{
	struct ruleset *made;
	json_t *json = list_ruleset();

	*ruleset = NULL;
	if (!json)
		return DONE;
	made = calloc(1, sizeof(*made));
	if (!made) {
		json_decref(json);
		return fail("out of memory");
	}
	made->json = json;
	ruleset_compile(made);
	if (made->failed) {
		ruleset_free(made);
		return fail("out of memory");
	}
	*ruleset = made;
	return DONE;
}

void *ruleset_allocate(struct ruleset *ruleset, size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);

	if (!block) {
		ruleset->failed = true;
		return NULL;
	}
	block->next = ruleset->blocks;
	ruleset->blocks = block;
	return block->bytes;
}

static void free_blocks(struct block *block)
{
	while (block) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	for (size_t i = 0; i < ruleset->chain_count; i++)
		free(ruleset->chains[i].rules);
	free(ruleset->chains);
	free_blocks(ruleset->blocks);
	json_decref(ruleset->json);
	free(ruleset);
}

struct chain *ruleset_chain(const struct ruleset *ruleset, const char *family, const char *table, const char *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		struct chain *chain = &ruleset->chains[i];

		if (!strcmp(chain->name.chain, name) && !strcmp(chain->name.table, table) &&
		    !strcmp(chain->name.family, family))
			return chain;
	}
	return NULL;
}
