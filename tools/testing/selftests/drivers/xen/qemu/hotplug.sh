#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What xl runs in dom0 for a new disk or network interface of a guest: tells the
# backend which device it is about, and gives the interface an address.

export PATH=/bin:/usr/bin

case $1 in
add | online) ;;
*) exit 0 ;;
esac
case $XENBUS_PATH in
*/vbd/*)
	device=$(xenstore-read "$XENBUS_PATH/params")
	xenstore-write "$XENBUS_PATH/physical-device" \
		"$(stat -c %t:%T "$device")"
	;;
*/vif/*)
	ifconfig "${vif:?}" 192.168.77.1 netmask 255.255.255.0 up
	;;
esac
xenstore-write "$XENBUS_PATH/hotplug-status" connected
