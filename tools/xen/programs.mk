# SPDX-License-Identifier: GPL-2.0-only
# What the programs here have in common: objects in $(OUTPUT), and the library of
# the tests. To be included at the end; CLEAN names what else to remove.

$(LIB): FORCE | $(OUTPUT)
	$(MAKE) -C $(LIB_DIR) OUTPUT=$(abspath $(OUTPUT))/lib

$(OUTPUT)/%.o: %.c | $(OUTPUT)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUTPUT):
	mkdir -p $@

clean:
	rm -f $(OUTPUT)/*.o $(OUTPUT)/*.d $(CLEAN)
	$(MAKE) -C $(LIB_DIR) OUTPUT=$(abspath $(OUTPUT))/lib clean

-include $(wildcard $(OUTPUT)/*.d)

.PHONY: all clean FORCE
